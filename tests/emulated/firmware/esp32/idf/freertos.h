// FreeRTOS as MicroPython's one task sees it: critical sections are a lock, notifications a semaphore, a tick is 10 ms.
#pragma once
#include <pthread.h>
#include <stdint.h>

typedef uint32_t TickType_t;
typedef uint8_t StackType_t;
typedef int BaseType_t;
typedef void *TaskHandle_t;
typedef int portMUX_TYPE;

#define portMUX_INITIALIZER_UNLOCKED 0
#define portTICK_PERIOD_MS 10
#define pdFALSE 0
#define pdTRUE 1
#define portYIELD_FROM_ISR() ((void)0)
#define portENTER_CRITICAL(mux) ((void)(mux), chip_lock())
#define portEXIT_CRITICAL(mux) ((void)(mux), chip_unlock())

void chip_lock(void);
void chip_unlock(void);
void taskYIELD(void);
void vTaskDelay(TickType_t ticks);
uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks);
void xTaskNotifyGive(TaskHandle_t task);
void vTaskNotifyGiveFromISR(TaskHandle_t task, BaseType_t *woken);
void xTaskCreatePinnedToCore(void (*work)(void *), const char *name, uint32_t stack, void *argument, int priority, TaskHandle_t *task, int core);
